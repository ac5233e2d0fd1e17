package roster

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// MaxFile is the maximum size of a file, in bytes. No roster needs more.
const MaxFile = 64 << 20

// Load reads the roster in paths, which name files and folders. All files together are one roster. In
// a folder, Load reads every *.yaml and *.yml file, in any letter case and also in subfolders, sorted
// by name. It skips files and folders whose names begin with a dot.
//
// If there are problems inside files, the error is a [*ProblemsError] with all problems of all files.
// Other errors name a path: a file cannot be read, a folder has no roster, a file only looks like a
// roster (see [IsRoster]), paths name a file twice, or a file changed while Load was reading.
func Load(paths []string) (*Roster, error) { return load(paths, readFile) }

// load does the work of Load. read is readFile, or a function of a test that calls it.
func load(paths []string, read func(file string) ([]byte, error)) (*Roster, error) {
	files, err := Files(paths)
	if err != nil {
		return nil, fmt.Errorf("read roster: %w", err)
	}
	d := newDecoder() // reads file by file, so that only one is in memory
	seed, hashes := maphash.MakeSeed(), make(map[string]uint64, len(files))
	for _, file := range files {
		again := CanReadAgain(file)
		data, err := read(file)
		if err != nil {
			return nil, fmt.Errorf("read roster: %w", err)
		}
		if again {
			hashes[file] = maphash.Bytes(seed, data)
		}
		d.decodeFile(file, data)
	}
	if !isUnchanged(paths, files, hashes, seed) {
		return nil, errors.New("read roster: the files changed while they were read: run the command again")
	}
	return d.finish()
}

// CanReadAgain reports whether file has the same content each time, unless somebody changes it. A pipe can be read only
// once.
func CanReadAgain(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && !strings.HasPrefix(file, "/dev/")
}

// isUnchanged reports whether paths still name only these files, and the files still have these hashes. If somebody
// moved a person from one file to another, both files may have been read without this person, who would count as
// unlisted. Files without a hash count as unchanged.
func isUnchanged(paths, files []string, hashes map[string]uint64, seed maphash.Seed) bool {
	for file, before := range hashes {
		f, err := os.Open(file)
		if err != nil {
			return false
		}
		var now maphash.Hash
		now.SetSeed(seed)
		_, err = io.Copy(&now, io.LimitReader(f, MaxFile+1))
		f.Close()
		if err != nil || now.Sum64() != before {
			return false
		}
	}
	folders := slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return slices.Contains(files, path) })
	if len(folders) == 0 {
		return true
	}
	before := slices.DeleteFunc(slices.Clone(files), func(file string) bool { return slices.Contains(paths, file) })
	now, err := Files(folders)
	return err == nil && slices.Equal(before, now)
}

// File is the content of a roster file from another source than the file system, such as git.
type File struct {
	// Name is the name of the file in problems and plans.
	Name string
	Data []byte
}

// Parse reads the roster in files; there must be at least one. All files together are one roster. If
// there are problems inside files, the error is a [*ProblemsError] with all problems of all files.
// The only other error is about a file larger than [MaxFile].
func Parse(files []File) (*Roster, error) {
	d := newDecoder()
	for _, f := range files {
		if len(f.Data) > MaxFile {
			return nil, tooLargeError(f.Name)
		}
		d.decodeFile(f.Name, f.Data)
	}
	return d.finish()
}

// Files returns the names of all files that [Load] reads for paths, in the order in which Load merges
// them.
func Files(paths []string) ([]string, error) {
	if len(paths) == 0 {
		return nil, errors.New("no file or folder is given")
	}
	var files []string
	listed := make(map[string]bool)
	for _, path := range paths {
		found, err := findFiles(path)
		if err != nil {
			return nil, err
		}
		for _, file := range found {
			clean := filepath.Clean(file)
			if listed[clean] {
				return nil, fmt.Errorf("%s is named twice", file)
			}
			listed[clean] = true
		}
		files = append(files, found...)
	}
	return files, nil
}

// readFile returns the content of a file. A file larger than MaxFile is an error.
func readFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var data bytes.Buffer // a buffer that grows copies a large file several times
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		data.Grow(int(min(info.Size(), MaxFile)) + bytes.MinRead)
	}
	if _, err := data.ReadFrom(io.LimitReader(f, MaxFile+1)); err != nil {
		return nil, err
	}
	if data.Len() > MaxFile {
		return nil, tooLargeError(file)
	}
	return data.Bytes(), nil
}

func tooLargeError(file string) error {
	return fmt.Errorf("%s is larger than %d MiB: split it into several files", file, MaxFile>>20)
}
