"""The APIs of installed packages, read from their source and stubs: nothing is imported.

`Index` answers whether a module, a class or an instance has a name, what it is, and whether a call takes a parameter;
its third answer is that this cannot be told. It reads a module when it is first asked about, and remembers what it
read on disk, by the time and size of the file.
"""
