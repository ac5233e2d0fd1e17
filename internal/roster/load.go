package roster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// MaxFile bounds one file, in bytes: room for 200,000 people with every field, and an end for what is no roster.
const MaxFile = 64 << 20

// Load reads the roster that paths name together: files, and folders, of which it reads every
// *.yaml and *.yml file, in any letter case and in all subfolders, sorted by name. Files and
// folders whose names begin with a dot are not read.
//
// A file that cannot be read, a folder without a roster, a file that only looks like one (see
// [LookalikeFile]) and a file named twice are plain errors that name the path. Whatever is wrong
// inside the files comes back as one [*ProblemsError] with all problems of all files.
func Load(paths []string) (*Roster, error) {
	files, err := rosterFiles(paths)
	if err != nil {
		return nil, fmt.Errorf("read roster: %w", err)
	}
	d := newDecoder() // one file after the other, so that only one is in memory
	for _, file := range files {
		data, err := readFile(file)
		if err != nil {
			return nil, fmt.Errorf("read roster: %w", err)
		}
		d.decodeFile(file, data)
	}
	return d.finish()
}

// File is a roster file that was read from somewhere else than a folder.
type File struct {
	// Name is what problems and plans call the file.
	Name string
	Data []byte
}

// Parse reads the roster that files, at least one, are together. A file larger than [MaxFile] is a plain error;
// whatever is wrong inside comes back as one [*ProblemsError].
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

// rosterFiles lists the files of paths in the order in which they are merged.
func rosterFiles(paths []string) ([]string, error) {
	if len(paths) == 0 {
		return nil, errors.New("no file or folder is named")
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

// readFile reads the whole of a file of bounded size.
func readFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxFile {
		return nil, tooLargeError(file)
	}
	return data, nil
}

func tooLargeError(file string) error {
	return fmt.Errorf("%s is larger than %d MiB: split it into several files", file, MaxFile>>20)
}
