//go:build unix

package dir

import (
	"io/fs"
	"os"
	"syscall"
)

// neitherLinkNorWait are the flags for a file that must not be a link, and that must not keep the
// process waiting if it is a pipe.
const neitherLinkNorWait = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// belongsToOwnGroup reports whether the group of a file is this process's own, which other users may
// have as well. Kubernetes gives a volume a group that only its pod has.
func belongsToOwnGroup(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Gid) == os.Getegid()
}
