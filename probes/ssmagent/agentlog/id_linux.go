package agentlog

import (
	"io/fs"
	"strconv"
	"syscall"
)

// idOf is a file's device and inode.
func idOf(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return strconv.FormatUint(st.Dev, 16) + ":" + strconv.FormatUint(st.Ino, 10)
}
