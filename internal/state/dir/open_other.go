//go:build !unix

package dir

import "io/fs"

// neitherLinkNorWait is 0: the system has no such flags.
const neitherLinkNorWait = 0

// belongsToOwnGroup returns false: modes mean nothing here.
func belongsToOwnGroup(fs.FileInfo) bool { return false }
