package cli

import (
	_ "embed" // the roster
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	samples "github.com/orgsync/orgsync/deploy"
	"github.com/orgsync/orgsync/internal/flagvalue"
	"github.com/orgsync/orgsync/internal/shellword"
)

// starterRoster is the roster that init writes.
//
//go:embed starter/users.yaml
var starterRoster []byte

// defaultRoster is the roster that commands read if no flag names one.
const defaultRoster = "users.yaml"

// neverReplaces is the beginning of a hint for an existing file.
const neverReplaces = "orgsync init never replaces a file, and wrote nothing"

// newFile is a file that init writes.
type newFile struct {
	name string
	text []byte
}

func (a *app) initCommand() *cobra.Command {
	var service string
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a first roster",
		Long: `Writes a roster with comments and two sample people to FILE, and prints the next
steps. Without FILE, init writes users.yaml. With --workflow, init also writes
the file that runs orgsync in CI. If users.yaml exists, init --workflow keeps
it. init never replaces a file. init needs no API key and sends nothing.

If your organization has members already, run 'orgsync import > users.yaml'
instead of init. The roster then lists these members.`,
		Annotations: exitStatus(exitInterrupted),
		Example: `  orgsync init
  orgsync init --workflow github
  orgsync init members/users.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("init needs at most one argument: FILE; %q is one too many", args[1])
			}
			if len(args) == 1 && args[0] == "-" {
				return errors.New("FILE is -, but init cannot write to the standard output")
			}
			if len(args) == 1 && args[0] == "" {
				return errors.New("FILE is empty: name a file, or leave it out to write " + defaultRoster)
			}
			return nil
		},
		ValidArgsFunction: completeFiles(1, rosterFiles...),
		RunE: func(_ *cobra.Command, args []string) error {
			file := defaultRoster
			if len(args) > 0 {
				file = args[0]
			}
			return a.init(file, service)
		},
	}
	f := cmd.Flags()
	f.Var(flagvalue.Choice(&service, "service", "github", "gitlab"), "workflow",
		"also write the CI file of this `service`: github or gitlab; only without FILE")
	completeValues(cmd, "workflow", []string{"github", "gitlab"})
	return cmd
}

// init writes the first roster to file. Unless service is "", it also writes the CI file of that
// service.
func (a *app) init(file, service string) error {
	files := []newFile{{file, starterRoster}}
	switch service {
	case "github":
		files = append(files, newFile{filepath.Join(".github", "workflows", "members.yml"), samples.GitHubWorkflow})
	case "gitlab":
		files = append(files, newFile{".gitlab-ci.yml", samples.GitLabPipeline})
	}
	if len(files) > 1 && filepath.Clean(file) != defaultRoster {
		return withStep(stepInit, fmt.Errorf("--workflow needs the roster in %s, where the CI file looks for it, not in %s",
			defaultRoster, file))
	}
	kept := false             // whether the roster was there before
	for i, f := range files { // check all names before writing the first file
		_, err := os.Lstat(f.name)
		switch {
		case err != nil:
		case i > 0:
			return &adviceError{
				withStep(stepInit, fmt.Errorf("write %s: %w", f.name, fs.ErrExist)),
				neverReplaces + "; move the existing file away",
			}
		case service != "": // to write the CI file for this roster
			kept = true
		default:
			return withStep(stepInit, fmt.Errorf("write %s: %w", f.name, fs.ErrExist))
		}
	}
	for i, f := range files {
		if i == 0 && kept {
			continue
		}
		if i > 0 { // only for the CI file: if the folder of the roster is missing, its name may be misspelled
			err := os.MkdirAll(filepath.Dir(f.name), 0o755) //nolint:gosec // as git makes them: they have no secret
			if err != nil {
				return withStep(stepInit, err)
			}
		}
		if err := createFile(f.name, f.text); err != nil {
			return withStep(stepInit, fmt.Errorf("write %s: %w", f.name, err))
		}
	}
	a.reported = true
	option := ""
	if filepath.Clean(file) != defaultRoster {
		option = " --roster " + shellword.Quote(file)
	}
	var text strings.Builder
	validate := "checks the roster; first replace the sample people with yours"
	for i, f := range files {
		if i == 0 && kept {
			validate = "checks the roster"
			fmt.Fprintf(&text, "Kept %s.\n", f.name)
		} else {
			fmt.Fprintf(&text, "Wrote %s.\n", f.name)
		}
	}
	fmt.Fprintf(&text, `
Next:
  orgsync validate%[1]s          %[2]s
  orgsync apply --sandbox%[1]s   tries the roster on a simulated organization, without a key
  orgsync plan%[1]s              shows what would change in your organization; needs VULTR_API_KEY
`, option, validate)
	if service != "" {
		text.WriteString("\nThe comments in the CI file say which secret it needs.\n")
	}
	_, err := a.stdout.Write([]byte(text.String()))
	return err
}

// createFile writes a new file. If the file exists, it returns fs.ErrExist.
func createFile(file string, text []byte) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := os.OpenFile(file, flags, 0o644) //nolint:gosec // as editors make them: the text is the same for everybody
	if errors.Is(err, fs.ErrExist) {
		return fs.ErrExist
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return nil
}
