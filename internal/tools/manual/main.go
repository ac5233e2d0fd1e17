// Manual writes the pages of docs/cli from the commands of orgsync:
//
//	go run ./internal/tools/manual
//
// With a folder, it writes what packages have beside the program instead: man pages and shell
// completions. $SOURCE_DATE_EPOCH is the date of the man pages.
//
//	go run ./internal/tools/manual release-files
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/cli"
)

const docsFolder = "docs/cli"

func main() {
	if err := run(os.Args[1:]); err != nil {
		_, _ = io.WriteString(os.Stderr, "manual: "+err.Error()+"\n")
		os.Exit(1)
	}
}

func run(args []string) error {
	commands := cli.Commands()
	switch len(args) {
	case 0:
		if _, err := os.Stat("go.mod"); err != nil {
			return fmt.Errorf("run it in the root of the repository: %w", err)
		}
		pages, err := makePages(commands, "_", ".md", markdownPage)
		if err != nil {
			return err
		}
		if err := os.RemoveAll(docsFolder); err != nil { // also the pages of commands that are gone
			return err
		}
		return writeFiles(docsFolder, pages)
	case 1:
		pages, err := makePages(commands, "-", ".1", manPage)
		if err != nil {
			return err
		}
		root, scripts := commands[0], filepath.Join(args[0], "completions")
		return errors.Join(
			writeFiles(filepath.Join(args[0], "man"), pages),
			writeFiles(scripts, nil), // makes the folder
			root.GenBashCompletionFileV2(filepath.Join(scripts, "orgsync.bash"), true),
			root.GenZshCompletionFile(filepath.Join(scripts, "_orgsync")),
			root.GenFishCompletionFile(filepath.Join(scripts, "orgsync.fish"), true),
			root.GenPowerShellCompletionFileWithDesc(filepath.Join(scripts, "orgsync.ps1")))
	}
	return errors.New("give no argument, or one folder")
}

// makePages returns the page of each command, by its file name.
func makePages(
	commands []*cobra.Command, separator, extension string, make func(*cobra.Command) (string, error),
) (map[string]string, error) {
	pages := map[string]string{}
	for _, cmd := range commands {
		page, err := make(cmd)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cmd.CommandPath(), err)
		}
		pages[strings.ReplaceAll(cmd.CommandPath(), " ", separator)+extension] = page
	}
	return pages, nil
}

func writeFiles(dir string, files map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // G301: pages are for everyone
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // G306: the same
			return err
		}
	}
	return nil
}
