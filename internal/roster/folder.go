package roster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/lazyregexp"
)

// lookalike matches names with the extension of a YAML or JSON file, also if something like ".bak" or
// "~" follows the extension.
var lookalike = lazyregexp.New(`(?i)\.(ya?ml|json)($|[^\pL\pN])`)

// IsRoster reports whether orgsync reads a file of a roster folder. name is the name of the file
// without the folder; shown is the name of the file in the error. A file that only looks like a
// roster, such as users.json or users.yaml.bak, is an error: somebody may believe that orgsync reads
// it, and people who are listed only there would count as unlisted.
func IsRoster(name, shown string) (bool, error) {
	lower := strings.ToLower(name)
	if ext := filepath.Ext(lower); ext == ".yaml" || ext == ".yml" {
		return true, nil
	}
	// 'orgsync schema' writes roster.schema.json beside the roster.
	if lookalike().MatchString(strings.TrimSuffix(lower, ".schema.json")) {
		return false, fmt.Errorf("%s looks like a roster and is not read: give it a name that ends in .yaml or .yml, "+
			"move it out of the folder, or put a dot in front of its name", shown)
	}
	return false, nil
}

// IsHidden reports whether the name of a file or folder begins with a dot. orgsync does not read
// hidden files and folders: they hold the locks and copies of editors, the objects of git, and the
// versions of mounted volumes.
func IsHidden(name string) bool { return strings.HasPrefix(name, ".") }

// FolderOf returns the folder in paths that a file belongs to, if orgsync would read the file as a part
// of the roster, or refuse the roster because of the file. Otherwise, it returns "". The file need not
// exist.
func FolderOf(paths []string, file string) string {
	if is, err := IsRoster(filepath.Base(file), file); !is && err == nil {
		return ""
	}
	at, err := realPath(file)
	if err != nil {
		return ""
	}
	for _, path := range paths {
		folder, err := filepath.EvalSymlinks(path)
		if err == nil {
			folder, err = filepath.Abs(folder)
		}
		if info, statErr := os.Stat(path); err != nil || statErr != nil || !info.IsDir() {
			continue
		}
		below, err := filepath.Rel(folder, at)
		if err != nil || below == ".." || strings.HasPrefix(below, ".."+string(filepath.Separator)) {
			continue
		}
		if !slices.ContainsFunc(strings.Split(below, string(filepath.Separator)), IsHidden) {
			return path
		}
	}
	return ""
}

// realPath returns the absolute path of a file without links. The end of the path need not exist.
func realPath(file string) (string, error) {
	at, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(filepath.Dir(at))
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(at) != at {
		real, err = realPath(filepath.Dir(at))
	}
	return filepath.Join(real, filepath.Base(at)), err
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
		err = fmt.Errorf("the folder %s has no *.yaml or *.yml file", path)
	}
	return files, err
}

// findFilesIn returns the roster files of a folder and its subfolders, sorted by name. It follows
// links. parents are this folder and the folders above it: a link to one of them is an error.
// Something that may be a roster but cannot be read is an error too.
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
		isRoster, err := IsRoster(entry.Name(), path)
		switch {
		case info.IsDir() && isRoster:
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
		case err != nil:
			return nil, err
		case isRoster:
			files = append(files, path)
		}
	}
	return files, nil
}
