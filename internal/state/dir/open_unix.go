//go:build unix

package dir

import (
	"io/fs"
	"os"
	"syscall"
)

// noFollowNonblock has the flags that make open fail if the file is a symbolic link, and return at once
// if it is a pipe.
const noFollowNonblock = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// belongsToOwnGroup reports whether a file has the primary group of this process, which other users may
// be in too. Any other group is assumed to be safe: Kubernetes gives a volume a group that only its pod
// has.
func belongsToOwnGroup(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Gid) == os.Getegid()
}
