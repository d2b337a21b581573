"""Where the person is in a photograph: by a box, by keypoints, by ground truth, or found."""
