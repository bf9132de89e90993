package hostcheck

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// errNotDir is what a path through a file that is no directory ends in.
var errNotDir error = syscall.ERROR_PATH_NOT_FOUND

// statfs is GetDiskFreeSpaceEx.
func statfs(p string) (Usage, error) {
	name, err := windows.UTF16PtrFromString(p)
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	if err := windows.GetDiskFreeSpaceEx(name, &u.Available, &u.Total, &u.Free); err != nil {
		return Usage{}, &os.PathError{Op: "GetDiskFreeSpaceEx", Path: p, Err: err}
	}
	return u, nil
}

// fileID has no meaning here: nothing compares devices on Windows.
func fileID(fs.FileInfo) (device, inode string) { return "", "" }
