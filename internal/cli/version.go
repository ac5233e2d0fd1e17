package cli

import (
	"fmt"
	"io"
	"regexp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/report"
)

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:         "version",
		Short:       "Print the version, the Go release and the platform",
		Args:        a.noArguments,
		Annotations: exitStatus(),
		RunE:        func(*cobra.Command, []string) error { return a.version() },
	}
	a.addOutputFlag(cmd)
	return cmd
}

func (a *app) version() error {
	a.reported = true
	b := readBuild()
	if a.output == "text" {
		_, err := io.WriteString(a.stdout, versionLine())
		return err
	}
	var commit *string // null when it is not known
	if b.Commit != "" {
		commit = &b.Commit
	}
	return report.WriteJSON(a.stdout, struct {
		report.Header
		Version  string  `json:"version"`
		Commit   *string `json:"commit"`
		Modified bool    `json:"modified"`
		Go       string  `json:"go"`
		Platform string  `json:"platform"`
	}{report.NewHeader("version"), b.Version, commit, b.Modified, b.Go, b.Platform})
}

func versionLine() string {
	return readBuild().String() + "\n"
}

// buildVersion returns the version that the Go tool stamped into the program: a tag, the commit
// with its date, or "(devel)".
func buildVersion() string {
	return readBuild().Version
}

func readBuild() build {
	info, _ := debug.ReadBuildInfo()
	return newBuild(info)
}

// build holds what a program knows about how it was built.
type build struct {
	Version  string // a tag, the commit with its date, or "(devel)"
	Commit   string // "" if the Go tool found no repository and the version names no commit
	Modified bool   // whether the source differs from the commit
	Go       string // the Go release
	Platform string // system and architecture
}

// pseudoVersion matches a version that the Go tool makes for a commit without a tag; its last part
// names the commit.
var pseudoVersion = regexp.MustCompile(`^v.*\d{14}-([0-9a-f]{12})(?:\+.*)?$`)

// newBuild returns the facts that the Go tool stamped into the program as info. info is nil if the
// tool stamped nothing.
func newBuild(info *debug.BuildInfo) build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	// `go install module@version` builds without a repository, but the version can name the commit.
	if m := pseudoVersion.FindStringSubmatch(b.Version); m != nil && b.Commit == "" {
		b.Commit = m[1]
	}
	return b
}

func (b build) String() string {
	facts := b.Go + ", " + b.Platform
	switch {
	case b.Commit != "" && b.Modified:
		facts = "commit " + b.Commit + " with changes, " + facts
	case b.Commit != "":
		facts = "commit " + b.Commit + ", " + facts
	}
	return fmt.Sprintf("orgsync %s (%s)", b.Version, facts)
}
