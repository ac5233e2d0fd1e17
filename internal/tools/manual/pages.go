package main

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

var (
	literal = strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, ">", `\>`)
	quoted  = regexp.MustCompile(`'([^'\n]+)'`)
	heading = regexp.MustCompile(`^[A-Z ]+\n`)
)

// toMarkdown returns the text of a help as Markdown: indented lines and quoted commands are code, and a
// line in capitals is a heading.
func toMarkdown(help string) string {
	var blocks []string
	for block := range strings.SplitSeq(strings.TrimSpace(help), "\n\n") {
		if title := heading.FindString(block); title != "" {
			blocks = append(blocks, "### "+title[:1]+strings.ToLower(strings.TrimSpace(title[1:])))
			block = regexp.MustCompile(`(?m)^  `).ReplaceAllString(block[len(title):], "")
		}
		lines := strings.Split(block, "\n")
		indented := true
		for _, line := range lines {
			indented = indented && (strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "\t"))
		}
		if indented {
			for i, line := range lines {
				lines[i] = strings.TrimPrefix(strings.TrimPrefix(line, "  "), "\t")
			}
			blocks = append(blocks, "```text\n"+strings.Join(lines, "\n")+"\n```")
			continue
		}
		var b strings.Builder
		end := 0
		for _, at := range quoted.FindAllStringSubmatchIndex(block, -1) {
			b.WriteString(literal.Replace(block[end:at[0]]) + "`" + block[at[2]:at[3]] + "`")
			end = at[1]
		}
		blocks = append(blocks, b.String()+literal.Replace(block[end:]))
	}
	return strings.Join(blocks, "\n\n")
}

// exitsOf returns the exit codes of a command with their meanings.
func exitsOf(cmd *cobra.Command) [][2]string {
	var codes [][2]string
	for line := range strings.Lines(cmd.Annotations["exit"]) {
		if last := len(codes) - 1; last >= 0 && strings.HasPrefix(line, "       ") { // the meaning goes on
			codes[last][1] += " " + strings.TrimSpace(line)
			continue
		}
		code, meaning, _ := strings.Cut(strings.TrimSpace(line), " ")
		codes = append(codes, [2]string{code, strings.TrimSpace(meaning)})
	}
	return codes
}

// insertBefore returns page with section before heading, or at the end if there is no such heading.
func insertBefore(page, heading, section string) string {
	if at := strings.Index(page, heading); at >= 0 {
		return page[:at] + section + page[at:]
	}
	return page + section
}

// markdownPage returns the page of a command for docs/cli.
func markdownPage(cmd *cobra.Command) (string, error) {
	long := cmd.Long
	defer func() { cmd.Long = long }()
	cmd.Long = toMarkdown(long)
	var page bytes.Buffer
	if err := doc.GenMarkdown(cmd, &page); err != nil {
		return "", err
	}
	section := "### Exit status\n\n| code | meaning |\n|---|---|\n"
	for _, e := range exitsOf(cmd) {
		section += "| " + e[0] + " | " + e[1] + " |\n"
	}
	return "<!-- `go run ./internal/tools/manual` makes this file from the help of the commands -->\n\n" +
		strings.TrimSpace(insertBefore(page.String(), "### SEE ALSO", section+"\n")) + "\n", nil
}

// manPage returns the man page of a command.
func manPage(cmd *cobra.Command) (string, error) {
	long := cmd.Long
	usages := map[*pflag.Flag]string{}
	mark := func(f *pflag.Flag) {
		usages[f], f.Usage = f.Usage, literal.Replace(f.Usage)
	}
	cmd.NonInheritedFlags().VisitAll(mark)
	cmd.InheritedFlags().VisitAll(mark)
	defer func() {
		cmd.Long = long
		for f, usage := range usages {
			f.Usage = usage
		}
	}()
	cmd.Long = toMarkdown(long)
	var page bytes.Buffer
	// The date is that of $SOURCE_DATE_EPOCH, so that a release can be built again.
	if err := doc.GenMan(cmd, &doc.GenManHeader{Section: "1", Source: "orgsync", Manual: "orgsync"}, &page); err != nil {
		return "", err
	}
	section := ".SH EXIT STATUS\n"
	for _, e := range exitsOf(cmd) {
		section += ".TP\n\\fB" + e[0] + "\\fP\n" + strings.ReplaceAll(e[1], "-", `\-`) + "\n"
	}
	return insertBefore(page.String(), ".SH SEE ALSO", section), nil
}
