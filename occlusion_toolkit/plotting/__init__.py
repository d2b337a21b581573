"""What figures are made of: style, colour maps, painted cells, bodies as pixels."""
