"""How much the garbage collector has to visit."""

import gc


def tracked() -> int:
    """The number of objects that it visits, without those that nothing refers to any more.

    Other tasks and threads of the process make objects too, for a moment: wait until few enough are left.
    """
    gc.collect()
    return len(gc.get_objects())
