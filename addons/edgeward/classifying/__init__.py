"""An operator's own models: they label images that match no list, for review, and block nothing.

    classifier           the interface of a model, which is installed beside this package
    classifier_registry  the installed classifiers
    labels               the labels that a model gives an image, checked on both sides of its isolation
    input_image          bytes -> the image that a model gets
    worker               the process of one model
    process              that process as its parent sees it
    claims               each image is classified once, by all workers together
    classifier_queue     the queue of one model; requests do not wait for it

The process that decodes and classifies is isolated, as hashers are. Only modules of that process import Pillow or a
model.
"""
