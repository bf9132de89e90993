package platform

import "syscall"

// openFlags keep an open from waiting (a pipe without a writer) and from making
// a terminal ours; openDirFlags refuse what is not a directory.
const (
	openFlags    = syscall.O_NONBLOCK | syscall.O_NOCTTY
	openDirFlags = syscall.O_DIRECTORY
)
