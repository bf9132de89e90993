package agentlog

import (
	"io/fs"
	"strconv"
	"syscall"
)

// idOf is a file's creation time: the look at a file that os.Stat gives has no
// more. The head of the file decides where the same name gave the same time.
func idOf(info fs.FileInfo) string {
	d, ok := info.Sys().(*syscall.Win32FileAttributeData)
	if !ok {
		return ""
	}
	return strconv.FormatInt(d.CreationTime.Nanoseconds(), 16)
}
