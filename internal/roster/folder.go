package roster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// FileKind says what happens to a file of a roster folder, which its name alone decides.
type FileKind int

// The kinds of files in a roster folder.
const (
	// OtherFile is not read, such as a README.md, or any hidden file.
	OtherFile FileKind = iota
	// RosterFile is read.
	RosterFile
	// LookalikeFile is refused, such as users.json or users.yaml.bak: somebody may believe that it
	// is read, and people who are listed there alone would be unlisted.
	LookalikeFile
)

// lookalike finds the ending of a roster, or of JSON, inside a name: at its end, or before
// something like ".bak" or "~".
var lookalike = regexp.MustCompile(`(?i)\.(ya?ml|json)($|[^\pL\pN])`)

// KindOfFile returns what happens to a file of this name, given without its path.
func KindOfFile(name string) FileKind {
	if IsHidden(name) {
		return OtherFile
	}
	lower := strings.ToLower(name)
	switch filepath.Ext(lower) {
	case ".yaml", ".yml":
		return RosterFile
	}
	// What 'orgsync schema' writes belongs beside the roster.
	if lookalike.MatchString(strings.TrimSuffix(lower, ".schema.json")) {
		return LookalikeFile
	}
	return OtherFile
}

// IsHidden reports whether a file or folder of this name, given without its path, is hidden. Those
// are not read: editors keep locks and copies in them, git its objects, and mounted volumes their
// versions.
func IsHidden(name string) bool { return strings.HasPrefix(name, ".") }

// LookalikeError is the error for a file of [LookalikeFile], which is shown as name.
func LookalikeError(name string) error {
	return fmt.Errorf("%s looks like a roster and is not read: give it a name that ends in .yaml or .yml, "+
		"take it out of the folder, or put a dot in front of its name", name)
}

// findFiles returns path itself, whatever it is, or the roster files in it and below when it is a
// folder.
func findFiles(path string) ([]string, error) {
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
	files, err := findFilesIn(path, []fs.FileInfo{info})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("the folder %s holds no *.yaml or *.yml file", path)
	}
	return files, err
}

// findFilesIn returns the roster files of a folder, sorted by name, those of a subfolder at its
// name. Links are followed; way has the folders down to this one, in which a link must not lead
// back. What cannot be told to hold no roster is an error.
func findFilesIn(folder string, way []fs.FileInfo) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		if IsHidden(entry.Name()) {
			continue
		}
		path := filepath.Join(folder, entry.Name())
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		kind := KindOfFile(entry.Name())
		switch {
		case info.IsDir() && kind == RosterFile:
			return nil, fmt.Errorf("%s is no file: give the folder a name that does not end as a roster's", path)
		case info.IsDir():
			if slices.ContainsFunc(way, func(above fs.FileInfo) bool { return os.SameFile(above, info) }) {
				return nil, fmt.Errorf("%s is a link to a folder that it is in: take it away", path)
			}
			below, err := findFilesIn(path, append(slices.Clip(way), info))
			if err != nil {
				return nil, err
			}
			files = append(files, below...)
		case !info.Mode().IsRegular(): // such as a pipe, which would only be waited for
			return nil, fmt.Errorf("%s is neither a file nor a folder: take it out of the folder", path)
		case kind == LookalikeFile:
			return nil, LookalikeError(path)
		case kind == RosterFile:
			files = append(files, path)
		}
	}
	return files, nil
}
