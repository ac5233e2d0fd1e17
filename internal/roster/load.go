package roster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// MaxFile is the maximum size of a file, in bytes: more than any roster needs.
const MaxFile = 64 << 20

// Load reads the roster that the files and folders in paths form together. Of a folder it reads
// every *.yaml and *.yml file, in any letter case and in all subfolders, sorted by name. Files and
// folders whose names begin with a dot are not read.
//
// A file that cannot be read, a folder without a roster, a file that only looks like one (see
// [IsRoster]) and a file that is named twice are plain errors that name the path. Problems
// inside the files are returned as one [*ProblemsError], with all problems of all files.
func Load(paths []string) (*Roster, error) {
	files, err := Files(paths)
	if err != nil {
		return nil, fmt.Errorf("read roster: %w", err)
	}
	d := newDecoder() // reads file by file, so that only one is in memory
	for _, file := range files {
		data, err := readFile(file)
		if err != nil {
			return nil, fmt.Errorf("read roster: %w", err)
		}
		d.decodeFile(file, data)
	}
	return d.finish()
}

// File is a roster file that was not read from a folder, for example one from a git commit.
type File struct {
	// Name is how problems and plans name the file.
	Name string
	Data []byte
}

// Parse reads the roster that files, at least one, form together. A file larger than [MaxFile] is
// a plain error; problems inside the files are returned as one [*ProblemsError].
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

// Files returns the roster files of the files and folders in paths, in the order in which [Load] merges them.
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

// readFile returns the content of a file of at most MaxFile bytes.
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
