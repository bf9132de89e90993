package platform

// Windows has no flags of the kind; the check for a regular file stands alone.
const (
	openFlags    = 0
	openDirFlags = 0
)
