package roster

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// MaxFile bounds one file, in bytes: room for 200,000 people with every field, and an end for what is no roster.
const MaxFile = 64 << 20

// Load reads the roster that paths name together: files, and folders, of which it reads every *.yaml and *.yml file,
// sorted by name; not those in folders within, nor those whose names begin with a dot.
//
// A file that cannot be read, a folder without a roster and a file named twice are plain errors that name the path.
// Whatever is wrong inside the files comes back as one [*ProblemsError] with all problems of all files.
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
			return nil, tooLarge(f.Name)
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
		found, err := filesAt(path)
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

// filesAt gives path itself, whatever it is, or the roster files in it when it is a folder.
func filesAt(path string) ([]string, error) {
	if path == "" {
		return nil, errors.New("the name of a file or folder is empty")
	}
	info, err := os.Stat(path)
	if path == "-" && errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no file or folder -; the standard input is /dev/stdin")
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		if !InFolder(entry.Name()) {
			continue
		}
		file := filepath.Join(path, entry.Name())
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		// Somebody may want to name a pipe; one that lies in a folder would only be waited for.
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is no file: take it out of the folder, or give it a name that does not end as a roster's", file)
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("the folder %s holds no *.yaml or *.yml file", path)
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
		return nil, tooLarge(file)
	}
	return data, nil
}

func tooLarge(file string) error {
	return fmt.Errorf("%s is larger than %d MiB: split it into several files", file, MaxFile>>20)
}

// InFolder tells whether a file of this name, without its path, is read when its folder is.
func InFolder(name string) bool {
	// Names with a dot in front are left to editors, which keep locks and copies there, and to mounted volumes.
	ext := filepath.Ext(name)
	return (ext == ".yaml" || ext == ".yml") && !strings.HasPrefix(name, ".")
}
