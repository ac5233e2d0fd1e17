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

// FileKind is how a file of a roster folder is treated. It depends on the name only.
type FileKind int

// The kinds of files in a roster folder.
const (
	// OtherFile is not read, such as a README.md, or any hidden file.
	OtherFile FileKind = iota
	// RosterFile is read.
	RosterFile
	// LookalikeFile is refused, such as users.json or users.yaml.bak: someone may believe that it
	// is read, and people who are listed only in such a file would be unlisted.
	LookalikeFile
)

// lookalike matches names that have the ending of a roster or of JSON, at their end or before
// something like ".bak" or "~".
var lookalike = regexp.MustCompile(`(?i)\.(ya?ml|json)($|[^\pL\pN])`)

// KindOfFile returns how a file is treated; name is without its folder.
func KindOfFile(name string) FileKind {
	if IsHidden(name) {
		return OtherFile
	}
	lower := strings.ToLower(name)
	switch filepath.Ext(lower) {
	case ".yaml", ".yml":
		return RosterFile
	}
	// 'orgsync schema' writes roster.schema.json beside the roster.
	if lookalike.MatchString(strings.TrimSuffix(lower, ".schema.json")) {
		return LookalikeFile
	}
	return OtherFile
}

// IsHidden reports whether the name of a file or folder, without its folder, begins with a dot.
// Hidden files and folders are not read: editors keep locks and copies in them, git its objects,
// and mounted volumes their versions.
func IsHidden(name string) bool { return strings.HasPrefix(name, ".") }

// LookalikeError returns the error for a [LookalikeFile]; name is how it is shown.
func LookalikeError(name string) error {
	return fmt.Errorf("%s looks like a roster and is not read: give it a name that ends in .yaml or .yml, "+
		"move it out of the folder, or put a dot in front of its name", name)
}

// findFiles returns path itself or, if it is a folder, the roster files in it and in its
// subfolders.
func findFiles(path string) ([]string, error) {
	if path == "" {
		return nil, errors.New("a file or folder has an empty name")
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

// findFilesIn returns the roster files of a folder and its subfolders, sorted by name; the files
// of a subfolder are at its place. It follows links; parents are the folders above and this one,
// to which a link must not lead back. Whatever may be a roster but cannot be read is an error.
func findFilesIn(folder string, parents []fs.FileInfo) ([]string, error) {
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
			return nil, fmt.Errorf("%s is a folder: give it a name that does not end in .yaml or .yml", path)
		case info.IsDir():
			if slices.ContainsFunc(parents, func(above fs.FileInfo) bool { return os.SameFile(above, info) }) {
				return nil, fmt.Errorf("%s is a link to a folder that contains it: remove the link", path)
			}
			below, err := findFilesIn(path, append(slices.Clip(parents), info))
			if err != nil {
				return nil, err
			}
			files = append(files, below...)
		case !info.Mode().IsRegular(): // for example a pipe: reading it could block
			return nil, fmt.Errorf("%s is neither a file nor a folder: move it out of the folder", path)
		case kind == LookalikeFile:
			return nil, LookalikeError(path)
		case kind == RosterFile:
			files = append(files, path)
		}
	}
	return files, nil
}
