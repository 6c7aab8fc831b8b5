"""From rows to what people read: tables, pages, figures."""
