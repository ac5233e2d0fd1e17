//go:build release

package orgsync_test

import (
	"bytes"
	"debug/buildinfo"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// expectedModules has the modules whose code is in the program for Linux. The other modules in go.mod are for tests
// or for other systems.
var expectedModules = []string{
	"github.com/VividCortex/ewma",
	"github.com/acarl005/stripansi",
	"github.com/cespare/xxhash/v2",
	"github.com/clipperhouse/uax29/v2",
	"github.com/dustin/go-humanize",
	"github.com/gofrs/flock",
	"github.com/google/go-querystring",
	"github.com/google/renameio/v2",
	"github.com/google/uuid",
	"github.com/hashicorp/go-cleanhttp",
	"github.com/hashicorp/go-retryablehttp",
	"github.com/jackc/pgpassfile",
	"github.com/jackc/pgservicefile",
	"github.com/jackc/pgx/v5",
	"github.com/jackc/puddle/v2",
	"github.com/klauspost/compress",
	"github.com/klauspost/cpuid/v2",
	"github.com/klauspost/crc32",
	"github.com/mattn/go-runewidth",
	"github.com/minio/crc64nvme",
	"github.com/minio/md5-simd",
	"github.com/minio/minio-go/v7",
	"github.com/philhofer/fwd",
	"github.com/rs/xid",
	"github.com/spf13/cobra",
	"github.com/spf13/pflag",
	"github.com/tinylib/msgp",
	"github.com/vbauerster/cupwriter",
	"github.com/vbauerster/mpb/v8",
	"github.com/vultr/govultr/v3",
	"github.com/zeebo/xxh3",
	"go.yaml.in/yaml/v3",
	"golang.org/x/crypto",
	"golang.org/x/net",
	"golang.org/x/sync",
	"golang.org/x/sys",
	"golang.org/x/term",
	"golang.org/x/text",
	"golang.org/x/time",
	"gopkg.in/ini.v1",
	"gopkg.in/yaml.v3",
}

// maxProgramSize is the maximum size of the program for Linux, in bytes.
const maxProgramSize = 25_000_000

// buildRelease builds the program in dir for Linux, as a release is built, and returns the path of its file.
func buildRelease(t *testing.T, dir string, environment ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "orgsync")
	environment = append(environment, "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "GOFLAGS=")
	goTool(t, dir, environment, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", program, "./cmd/orgsync")
	return program
}

// TestProgram: the program for Linux contains only the expected modules, and is not larger than maxProgramSize.
func TestProgram(t *testing.T) {
	t.Parallel()
	program := buildRelease(t, ".")
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, m := range info.Deps {
		modules = append(modules, m.Path)
	}
	slices.Sort(modules)
	if diff := cmp.Diff(expectedModules, modules); diff != "" {
		t.Errorf("modules in the program (-want +got):\n%s", diff)
	}
	file, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, of at most %d", file.Size(), maxProgramSize)
	if file.Size() > maxProgramSize {
		t.Errorf("the program has %d bytes, more than %d", file.Size(), maxProgramSize)
	}
}

// TestReproducible: two builds of the same source give the same bytes. The first build uses the caches of this
// machine. The second has another folder, older files, an empty build cache, and another path of the module cache.
func TestReproducible(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles everything, the standard library too")
	}
	source := func(name string) string {
		dir := filepath.Join(t.TempDir(), name)
		for _, folder := range []string{"cmd", "deploy", "internal"} {
			if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
		}
		for _, file := range []string{"go.mod", "go.sum"} {
			text, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, file), text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	here, there := source("here"), source("there/and/further")
	longAgo := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	err := filepath.WalkDir(there, func(file string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = os.Chtimes(file, longAgo, longAgo)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	modules := filepath.Join(t.TempDir(), "modules")
	if err := os.Symlink(strings.TrimSpace(goTool(t, ".", nil, "env", "GOMODCACHE")), modules); err != nil {
		t.Skipf("the folder of modules cannot have another name here: %v", err)
	}
	first, err := os.ReadFile(buildRelease(t, here))
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(buildRelease(t, there, "GOCACHE="+t.TempDir(), "GOMODCACHE="+modules,
		"GOPATH="+t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("two builds of the same source differ: is -trimpath missing, or a time stamped in?")
	}
	if bytes.Contains(first, []byte(here)) || bytes.Contains(second, []byte(there)) {
		t.Error("the program names the folder it was built in")
	}
}
