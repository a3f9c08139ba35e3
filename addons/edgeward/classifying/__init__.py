"""An operator's own models look at what no list knows: images in, labels for review out, never a block.

    classifier  what a model is wrapped in, to be installed beside this package
    registry    those that are installed
    labels      what a model says, checked on both sides of its isolation
    picture     bytes -> what a model is shown
    worker      the process of one model
    process     that process as its parent sees it
    claims      each image is looked at once, wherever it is met
    desk        images wait here for one model, off every request's path

The process that decodes and classifies is isolated as hashers are. The others know neither Pillow nor a model.
"""
