"""One small repository per aggregate, above the document port."""
