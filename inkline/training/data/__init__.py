"""Training data: label files, checks, augmentations, target maps, label encoders and torch batches.

Everything here except `datasets` and `batches` is free of torch. Images are BGR uint8 (H, W, 3) until the last step.
Labels of lines are in logical order, the order in which one types and reads, in label files as from the generator.

A batch is a plain dict. N is the batch size; every tensor is contiguous, on the CPU. Strings, polygons and pages are in
Python lists of length N. The keys of each task:

Every batch
    key       list[str]      where each sample comes from, for messages: path, `path#line` or `synth:<seed>:<index>`

Detection, ``db``
    image        (N, 3, H, W) float32   (x/255 - mean)/std, mean (.485, .456, .406), std (.229, .224, .225), as B, G, R
    shrink_map   (N, H, W) float32      1 inside the shrunk polygons, else 0
    shrink_mask  (N, H, W) float32      0 where the loss must not look (ignored or too small text), else 1
    thresh_map   (N, H, W) float32      0.3 to 0.7: 0.7 on the polygon's border, 0.3 away from it
    thresh_mask  (N, H, W) float32      1 inside the dilated polygons, else 0

Detection, ``east`` (h = H/4, w = W/4)
    image  as above
    score  (N, 1, h, w) float32    1 inside the shrunk quads
    geo    (N, 9, h, w) float32    0..7: cell minus corner, (x, y) of TL, TR, BR, BL, in pixels of the image;
                                   8: the loss weight, 1 / (shorter side of the quad in pixels), 0 outside text
    mask   (N, 1, h, w) float32    0 where the loss must not look

Detection, ``sast`` (h = H/4, w = W/4)
    image   as above
    score   (N, 1, h, w) float32   1 inside the trimmed text centre band
    border  (N, 5, h, w) float32   0..3: upper side minus cell, lower side minus cell, each (y, x), in cells; 4: loss weight
    mask    (N, 1, h, w) float32   0.15 on ignored text, else 1
    tvo     (N, 9, h, w) float32   0..7: cell minus corner, (x, y) of TL, TR, BR, BL, in cells; 8: loss weight
    tco     (N, 3, h, w) float32   0..1: cell minus centre of the quad, (x, y), in cells; 2: loss weight

Recognition, ``rec``
    image        (N, 3, H, W) float32   (x/255 - 0.5)/0.5, BGR, resized to height H keeping the aspect ratio (narrowed
                                        where wider than W), padded with 0 on the right; W changes from batch to batch,
                                        H with multi-scale training
    valid_ratio  (N,) float32           share of W that the line covers, in (0, 1]
    old          (N,) int64             1 for lines that are replayed, where the net is held to what it answered before
    text         list[str]              the label after the charset filter, exactly what the ids below spell; lines from
                                        right to left in visual order (`inkline.recognition.bidi.visual_order`), as a
                                        net sees them from the left
    length       (N,) int64             number of characters
  and, for each encoder asked for (`datasets.Recognition.encoders`; n = number of characters in the charset, which lists
  all in class order, without blank but with the space where the model has one; M = max_text_length):
    ctc        (N, L) int64       0 blank and padding, character i -> i + 1; L = longest label of the batch;
                                  n + 1 classes
    nrtr       (N, M + 2) int64   0 padding, 1 unknown, 2 start, 3 end, character i -> i + 4: start, text, end, padding;
                                  n + 4 classes
    sar        (N, M + 2) int64   character i -> i, n unknown, n + 1 start and end, n + 2 padding: start, text, end,
                                  padding; n + 3 ids, of which the last has no output unit
    attention  (N, M + 2) int64   0 start and padding, character i -> i + 1, n + 1 end: start, text, end, zeros;
                                  n + 2 classes; decoder input attention[:, :-1], target attention[:, 1:]
    srn        (N, M) int64       character i -> i, n start, n + 1 end and padding: text, end, end...; n + 2 classes

Classification, ``cls``
    image  (N, 3, H, W) float32   (x/255 - mean)/std, ImageNet, **RGB** (LCNet), or (x/255 - 0.5)/0.5 BGR (2.x classifier)
    label  (N,) int64             index into the labels of the task ((0, 180) or (0, 90, 180, 270))

Unwarping, ``unwarp``
    image  (N, 3, H, W) float32   warped page, BGR / 255
    grid   (N, 2, h, w) float32   backward map: for each node of the flat page the (x, y) in the warped page, -1..1,
                                  corners aligned

A position in the data is (epoch, batch): `batches.loader(dataset, plan, epoch, start)` yields the batches of one epoch
from number `start` on, and is a pure function of (seed, epoch), so a run that stored those two numbers resumes exactly.
"""
