package platform

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// maxLinks bounds how many symbolic links one name may pass through, as the
// kernel does (path_resolution(7): 40).
const maxLinks = 40

// errLinks is what a loop of symbolic links ends in.
var errLinks = errors.New("too many levels of symbolic links")

// tree is a file system below a directory. With a base of "" it is the real one.
//
// os.Root alone will not do: it refuses absolute links, which are normal below a
// mounted root (/etc/resolv.conf -> /run/systemd/resolve/stub-resolv.conf). So
// names are resolved here as if base were "/", and os.Root then opens the result
// and refuses whatever would leave the base after all, a race included.
type tree struct {
	base string
}

func newTree(root string) tree {
	if root == "" {
		return tree{}
	}
	clean := filepath.Clean(root)
	if clean == string(filepath.Separator) {
		return tree{}
	}
	return tree{base: clean}
}

// opener is what the real file system and an os.Root have in common.
type opener interface {
	Stat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	Readlink(name string) (string, error)
}

// realRoot is the opener of the real file system.
type realRoot struct{}

func (realRoot) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }
func (realRoot) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}
func (realRoot) Readlink(name string) (string, error) { return os.Readlink(name) }

// open opens a regular file for reading and never waits for it.
func (t tree) open(name string) (f *os.File, err error) {
	err = t.with(name, func(at opener, rel string) error {
		// The look before the opening keeps us from opening a device or a pipe,
		// which can have effects of its own.
		if err := regular(at.Stat(rel)); err != nil {
			return err
		}
		opened, err := at.OpenFile(rel, os.O_RDONLY|openFlags, 0)
		if err != nil {
			return err
		}
		if err := regular(opened.Stat()); err != nil {
			opened.Close()
			return err
		}
		f = opened
		return nil
	})
	return f, err
}

// regular turns a look at what is not a regular file into an error.
func regular(info fs.FileInfo, err error) error {
	if err == nil && !info.Mode().IsRegular() {
		return ErrNotRegular
	}
	return err
}

// openDir opens a directory for listing.
func (t tree) openDir(name string) (f *os.File, err error) {
	err = t.with(name, func(at opener, rel string) error {
		f, err = at.OpenFile(rel, os.O_RDONLY|openFlags|openDirFlags, 0)
		return err
	})
	return f, err
}

func (t tree) stat(name string) (info fs.FileInfo, err error) {
	err = t.with(name, func(at opener, rel string) error {
		info, err = at.Stat(rel)
		return err
	})
	return info, err
}

// with hands do the file system and the path that a name has in it. Errors carry
// the name that the caller asked for.
func (t tree) with(name string, do func(at opener, rel string) error) error {
	if t.base == "" {
		return named(name, do(realRoot{}, name))
	}
	root, err := os.OpenRoot(t.base)
	if err != nil {
		return named(name, err)
	}
	defer root.Close()
	rel, err := resolve(root, name)
	if err != nil {
		return named(name, err)
	}
	return named(name, do(root, rel))
}

// aliasWithin tells whether an entry of a directory is a link to another entry of
// the same directory.
func (t tree) aliasWithin(name string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return false
	}
	var to string
	err := t.with(path.Dir(name), func(at opener, rel string) (err error) {
		to, err = at.Readlink(filepath.Join(rel, e.Name()))
		return err
	})
	return err == nil && to != "" && !strings.ContainsAny(filepath.ToSlash(to), "/")
}

// named puts the caller's name for a file into an error about it.
func named(name string, err error) error {
	if err == nil {
		return nil
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return &fs.PathError{Op: pe.Op, Path: name, Err: pe.Err}
	}
	return &fs.PathError{Op: "open", Path: name, Err: err}
}

// resolve follows the links of name as chroot would: absolute ones start at the
// root again and ".." stops there. The result has no links, as far as nobody
// changes the tree meanwhile, and is relative to the root.
func resolve(root *os.Root, name string) (string, error) {
	todo := split(name)
	var done []string
	links := 0
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if len(done) > 0 {
				done = done[:len(done)-1]
			}
			continue
		}
		at := path.Join(append(done[:len(done):len(done)], part)...)
		info, err := root.Lstat(filepath.FromSlash(at))
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			done = append(done, part)
			continue
		}
		if links++; links > maxLinks {
			return "", errLinks
		}
		to, err := root.Readlink(filepath.FromSlash(at))
		if err != nil {
			return "", err
		}
		if path.IsAbs(filepath.ToSlash(to)) || filepath.IsAbs(to) {
			done = nil
		}
		todo = append(split(to), todo...)
	}
	if len(done) == 0 {
		return ".", nil
	}
	return filepath.FromSlash(path.Join(done...)), nil
}

// split cuts a name into its parts, without the drive letter of a Windows name.
func split(name string) []string {
	if runtime.GOOS == "windows" {
		name = filepath.ToSlash(name[len(filepath.VolumeName(name)):])
	}
	return strings.Split(name, "/")
}
