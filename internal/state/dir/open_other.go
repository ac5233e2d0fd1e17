//go:build !unix

package dir

import "io/fs"

// noFollowNonblock is 0, because the system has no such flags.
const noFollowNonblock = 0

// belongsToOwnGroup returns false, because files have no group here.
func belongsToOwnGroup(fs.FileInfo) bool { return false }
