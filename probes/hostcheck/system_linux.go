package hostcheck

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

var errNotDir error = syscall.ENOTDIR

// statfs is statfs(2).
func statfs(p string) (Usage, error) {
	var s syscall.Statfs_t
	err := syscall.Statfs(p, &s)
	for errors.Is(err, syscall.EINTR) {
		err = syscall.Statfs(p, &s)
	}
	if err != nil {
		return Usage{}, &os.PathError{Op: "statfs", Path: p, Err: err}
	}
	size := uint64(s.Bsize)
	if s.Frsize > 0 {
		size = uint64(s.Frsize)
	}
	return Usage{Total: s.Blocks * size, Free: s.Bfree * size, Available: s.Bavail * size, Inodes: s.Files, FreeInodes: s.Ffree}, nil
}

// fileID is the device, as MAJOR:MINOR in decimal, and the inode of a file; "" for a
// file that is none of the system's.
func fileID(info fs.FileInfo) (device, inode string) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", ""
	}
	dev := uint64(st.Dev) //nolint:unconvert // its type differs by architecture
	// The C library's way to pack both (sys/sysmacros.h).
	major := dev>>8&0xfff | dev>>32&^uint64(0xfff)
	minor := dev&0xff | dev>>12&^uint64(0xff)
	return fmt.Sprintf("%d:%d", major, minor), strconv.FormatUint(st.Ino, 10)
}
