//go:build release

package orgsync_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// dist is the environment variable with the folder of a release. .ci/run and .github/workflows/release.yml set it.
const dist = "RELEASE_DIST"

// TestReleaseFiles: each system of the release has an archive, and each Linux has a Debian package. They contain the
// program, its licences and its pages. The links of the pages lead to files in the archive or package.
func TestReleaseFiles(t *testing.T) {
	t.Parallel()
	folder := os.Getenv(dist)
	if folder == "" {
		t.Skip(dist + " names no release; .ci/run makes one")
	}
	inArchive := []string{
		"LICENSE", "THIRD_PARTY_LICENSES", "README.md", "CHANGELOG.md", "man/orgsync-apply.1", "completions/_orgsync",
		"completions/orgsync.bash", "deploy/Dockerfile", "deploy/grafana/orgsync.json", "deploy/systemd/orgsync@.service",
		"docs/cron.md",
	}
	inPackage := []string{
		"usr/bin/orgsync", "usr/share/man/man1/orgsync-apply.1.gz", "usr/share/doc/orgsync/copyright",
		"usr/share/doc/orgsync/changelog.Debian.gz", "usr/share/doc/orgsync/THIRD_PARTY_LICENSES",
		"usr/share/doc/orgsync/README.md",
		"usr/share/bash-completion/completions/orgsync", "usr/lib/systemd/system/orgsync@.service",
	}
	check := func(pattern string, open func(*testing.T, string) fs.FS, names ...string) {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			files, err := filepath.Glob(filepath.Join(folder, pattern))
			if err != nil || len(files) != 1 {
				t.Fatalf("%d files are named %s: %v", len(files), pattern, err)
			}
			release := open(t, files[0])
			for _, name := range names {
				if info, err := fs.Stat(release, name); err != nil || info.Size() == 0 {
					t.Errorf("%s is missing or empty: %v", name, err)
				}
			}
			checkLinks(t, release)
		})
	}
	programs, err := filepath.Glob(filepath.Join(folder, "*.cdx.json")) // one bill of materials for each program
	if err != nil || len(programs) == 0 {
		t.Fatalf("%d bills of materials: %v", len(programs), err)
	}
	for _, program := range programs {
		words := strings.Split(strings.TrimSuffix(filepath.Base(program), ".cdx.json"), "_")
		system, processor := words[len(words)-2], words[len(words)-1]
		switch archive := "*_" + system + "_" + processor; system {
		case "windows":
			check(archive+".zip", openZip, append(inArchive, "orgsync.exe")...)
		case "linux":
			check("*_"+processor+".deb", openDeb, inPackage...)
			fallthrough
		default:
			check(archive+".tar.gz", openTar, append(inArchive, "orgsync")...)
		}
	}
}

// checkLinks checks the links of all pages of a release.
func checkLinks(t *testing.T, release fs.FS) {
	t.Helper()
	pages := 0
	err := fs.WalkDir(release, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(file) != ".md" {
			return err
		}
		pages++
		dead, err := deadLinks(os.DirFS("."), release, file)
		for _, link := range dead {
			t.Error(link)
		}
		return err
	})
	if err != nil || pages < 40 {
		t.Errorf("%d pages were read: %v", pages, err)
	}
}

// openTar returns the files in the single folder of a tar archive.
func openTar(t *testing.T, file string) fs.FS {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return onlyFolder(t, readTar(t, data))
}

func openZip(t *testing.T, file string) fs.FS {
	t.Helper()
	archive, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { archive.Close() })
	return onlyFolder(t, archive)
}

func onlyFolder(t *testing.T, files fs.FS) fs.FS {
	t.Helper()
	entries, err := fs.ReadDir(files, ".")
	if err != nil || len(entries) != 1 {
		t.Fatalf("the archive has %d outermost files, want 1 folder: %v", len(entries), err)
	}
	inner, err := fs.Sub(files, entries[0].Name())
	if err != nil {
		t.Fatal(err)
	}
	return inner
}

// openDeb returns the files that a package for Debian installs. Such a package is an archive in the format of ar. It
// has a header of 60 bytes before each file, and each header begins at an even offset.
func openDeb(t *testing.T, file string) fs.FS {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rest, found := bytes.CutPrefix(data, []byte("!<arch>\n"))
	for found && len(rest) >= 60 {
		name, length := strings.TrimSpace(string(rest[:16])), strings.TrimSpace(string(rest[48:58]))
		size, err := strconv.Atoi(length)
		if rest = rest[60:]; err != nil || size > len(rest) {
			break
		}
		if strings.TrimSuffix(name, "/") == "data.tar.gz" {
			return readTar(t, rest[:size])
		}
		rest = rest[min(size+size%2, len(rest)):]
	}
	t.Fatalf("%s has no data.tar.gz", file)
	return nil
}

// readTar returns the files of a compressed tar archive. A symbolic link is a file with its target.
func readTar(t *testing.T, data []byte) fs.FS {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		name := path.Clean(strings.TrimPrefix(header.Name, "/"))
		switch header.Typeflag {
		case tar.TypeReg:
			content, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = &fstest.MapFile{Data: content}
		case tar.TypeSymlink:
			files[name] = &fstest.MapFile{Data: []byte(header.Linkname)}
		}
	}
}
