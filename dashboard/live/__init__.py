"""The live road: facts → nudges → one read a process → frames shared by all sockets that show the same."""
