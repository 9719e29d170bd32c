"""Where characters of a text view stand: how scripts begin that tests run in a page."""

RANGE_OF = """(view, [start, end]) => {
    const walker = document.createTreeWalker(view, NodeFilter.SHOW_TEXT);
    const point = offset => {
        walker.currentNode = view;
        let left = offset, node;
        while ((node = walker.nextNode())) {
            if (left < node.data.length) return [node, left];
            left -= node.data.length;
        }
    };
    const range = document.createRange();
    range.setStart(...point(start));
    const [node, offset] = point(end - 1);
    range.setEnd(node, offset + 1);
"""
"""The beginning of a function of a view and two offsets (UTF-16) that has their `range`."""
