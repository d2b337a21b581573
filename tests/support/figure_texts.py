"""The texts of a figure: what they say, and whether they fit."""

from occlusion_toolkit.plotting.style import DPI, figure_style


def texts(figure):
    """All texts of a figure, in plain spaces."""
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [text.get_text() for text in axes.texts] + [axes.get_ylabel()]
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text in found if text]


def ink_boxes(figure):
    """Name and extent, in pixels, of every text of a figure."""
    with figure_style():
        figure.draw_without_rendering()
        renderer = figure.canvas.get_renderer()
        artists = [*figure.texts]
        for axes in figure.axes:
            artists += axes.texts
            if axes.axison:
                low, high = axes.get_ylim()
                ticks = axes.yaxis.get_major_ticks()
                artists += [tick.label2 for tick in ticks if low <= tick.get_loc() <= high]
                artists.append(axes.yaxis.label)
        return [(t.get_text(), t.get_window_extent(renderer)) for t in artists if t.get_text()]


def assert_texts_fit(figure):
    """Fails where a text leaves the figure or touches another."""
    boxes = ink_boxes(figure)
    width, height = figure.get_size_inches() * DPI
    for text, box in boxes:
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text
    for index, (text, box) in enumerate(boxes):
        for other_text, other in boxes[index + 1 :]:
            overlap = min(box.x1, other.x1) > max(box.x0, other.x0) and min(box.y1, other.y1) > max(
                box.y0, other.y0
            )
            assert not overlap, (text, other_text)
