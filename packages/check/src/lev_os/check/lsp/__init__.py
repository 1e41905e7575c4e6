"""The language server behind `lev lsp`: what is checked on the command line, while it is written.

`server` speaks the protocol (pygls, the extra `lsp`); every other module works on texts and offsets and knows
nothing of it, so that each question (`hover`, `definition`, `completion`, `rename`, `symbols`) is a function.
"""
