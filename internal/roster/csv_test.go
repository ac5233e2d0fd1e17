package roster

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A CSV file gives the same roster in the forms of different programs.
func TestParseCSV(t *testing.T) {
	t.Parallel()
	const want = `users:
  - email: ada@example.com
    name: Ada "Countess" Lovelace
    aliases: [a.lovelace@example.com, ada@home.example]
    api_enabled: true
    groups: [everyone, platform team]
    until: 2027-03-31
    note: ticket 12, approved
  - email: bob@example.com
    api_enabled: false
    roles: [deployer]
`
	const plain = "email,name,aliases,api_enabled,groups,roles,until,note\n" +
		`ada@example.com,"Ada ""Countess"" Lovelace",a.lovelace@example.com; ada@home.example,yes,everyone;platform team,,` +
		`2027-03-31,"ticket 12, approved"` + "\n" +
		"bob@example.com,,,no,,deployer,,\n"
	semicolons := "\ufeffE-Mail;Name;Aliases;API enabled;Groups;Roles;Until;Note\r\n" +
		`ada@example.com;"Ada ""Countess"" Lovelace";"a.lovelace@example.com;ada@home.example";TRUE;"everyone;platform ` +
		`team";;2027-03-31;ticket 12, approved` + "\r\n" +
		"bob@example.com;;;false;;deployer;;\r\n;;;;;;;\r\n"
	const tabs = "email\tname\taliases\tapi_enabled\tgroups\troles\tuntil\tnote\n" +
		"ada@example.com\t\"Ada \"\"Countess\"\" " +
		"Lovelace\"\ta.lovelace@example.com;ada@home.example\tyes\teveryone;platform team\t\t2027-03-31\tticket 12, " +
		"approved\n" +
		"bob@example.com\t\t\tno\t\tdeployer\n"
	tests := map[string]string{
		"commas":                 plain,
		"semicolons, mark, CRLF": semicolons,
		"tabs":                   tabs,
		"short lines":            strings.Replace(plain, ",deployer,,", ",deployer", 1),
		"empty names, and names twice": strings.Replace(plain, "everyone;platform team",
			"everyone;;platform team; everyone;", 1),
		"without a final newline": strings.TrimSuffix(plain, "\n"),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entries, err := ParseCSV("people.csv", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			_, got, _ := strings.Cut(string(Draft{File: "people.csv", Entries: entries}.YAML()), "\n\n")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	entries, err := ParseCSV("people.txt", []byte("# all\nada@example.com\n\nbob@example.com, cy@example.com\n"))
	if err != nil || len(entries) != 3 {
		t.Errorf("a plain list: %d people, %v", len(entries), err)
	}
}

// TestParseCSVEmptyColumns checks that columns without a name and without values at the end do no harm. Spreadsheets
// write them.
func TestParseCSVEmptyColumns(t *testing.T) {
	t.Parallel()
	want, err := ParseCSV("people.csv", []byte("email,groups\nada@example.com,x\nbob@example.com\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"email,groups\nada@example.com,x,,,\nbob@example.com,,,\n",
		"email,groups,\nada@example.com,x,\nbob@example.com,,\n",
		"email,groups, ,,\nada@example.com,x,,\nbob@example.com,,,, ,\n,,,,,\n",
		"email;groups;;\nada@example.com;x;;\nbob@example.com;;;\n",
		"email\tgroups\t\nada@example.com\tx\t\t\nbob@example.com\t\t\t\n",
	} {
		got, err := ParseCSV("people.csv", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		file := func(entries []Entry) string { return string(Draft{File: "people.csv", Entries: entries}.YAML()) }
		if diff := cmp.Diff(file(want), file(got)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// Every problem of a CSV file has a position and says what to do.
func TestParseCSVProblems(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"a wrong column", "email,department,nmae\nada@example.com,x,y\n",
			`people.csv:1:7: unknown column "department": the columns are email, name, groups, roles, policies, api_enabled, ` +
				`aliases, until and note; ` +
				"remove this one, or rename it\n" + `people.csv:1:18: unknown column "nmae": did you mean "name"?`},
		{"a misspelled column of addresses", "emial,name\n", `people.csv:1:1: unknown column "emial": did you mean "email"?`},
		{"an alias twice", "email,aliases\nada@example.com,a@example.com;a@example.com\n",
			`people.csv:2:17: "a@example.com" is already listed at people.csv:2:17`},
		{"no address", "name,groups\nAda,x\n", `people.csv:1:1: no column is named "email"`},
		{"a column twice", "email,E-Mail\n", `people.csv:1:7: the column "email" is there twice`},
		{"nobody", "email,name\n",
			`people.csv:1:1: the file has no people: it needs a line with column names, with "email" as one of them, ` +
				"and a line for each person"},
		{"empty", "",
			`people.csv:1:1: the file has no people: it needs a line with column names, with "email" as one of them, ` +
				"and a line for each person"},
		{"values", "email,until,api_enabled,name\nnobody,31.3.2027,maybe,\"a\nb\"\n,2027-01-01,,\n" +
			"ada@example.com,,,\nADA@example.com,,,\n",
			`people.csv:2:1: "nobody": the address has no @` + "\n" +
				`people.csv:2:8: "until" must be a date like 2027-03-31, not "31.3.2027"` + "\n" +
				`people.csv:2:18: "api_enabled" must be true or false, not "maybe"` + "\n" +
				`people.csv:2:24: "name" has a line break: write it on one line` + "\n" +
				"people.csv:4:1: the line has no address\n" +
				`people.csv:6:1: "ADA@example.com" is the same as "ada@example.com", already listed at people.csv:5:1`},
		{"too many columns", "email,name\nada@example.com,Lovelace, Ada\n",
			`people.csv:2:27: the line has 3 columns, and the header has 2: put quotes around a value with "," in it`},
		{"a value without a column", "email,name,\nada@example.com,Ada,x,\n",
			`people.csv:2:21: the line has 3 columns, and the header has 2: put quotes around a value with "," in it`},
		{"a column without a name", "email,,name\nada@example.com,,Ada\n",
			"people.csv:1:7: this column has no name: remove it, or give it one"},
		{"a header without names", ",,\nAda,x,\n", `people.csv:1:1: no column is named "email"`},
		{"quotes", "email,name\nada@example.com,\"Ada\" L.\n",
			`people.csv:2:21: the quotes are wrong: a value with quotes in it is written as "like ""this"""`},
		{"UTF-16", "\xff\xfee\x00m\x00", "people.csv:1:1: the file is in UTF-16: save it as UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			entries, err := ParseCSV("people.csv", []byte(tt.text))
			if err == nil {
				t.Fatalf("no problem: %v", entries)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestPlainListPositions checks that problems of a plain list name the places in the list, not those in the CSV file
// that orgsync makes of it.
func TestPlainListPositions(t *testing.T) {
	t.Parallel()
	text := "# our people\r\n\r\nada@example.com, bob@example.com\r\n\t ada@example.com\r\n"
	_, err := ParseCSV("list.txt", []byte(text))
	if want := `list.txt:4:3: "ada@example.com" is already listed at list.txt:3:1`; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestLongNote checks that a roster made from CSV has the whole note.
func TestLongNote(t *testing.T) {
	t.Parallel()
	note := strings.Repeat("x", 1000)
	entries, err := ParseCSV("people.csv", []byte("email,note\nada@example.com,"+note+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := parse("users.yaml", Draft{File: "people.csv", Entries: entries}.YAML())
	if err != nil || r.People[0].Note != note {
		t.Errorf("%v, %d characters of %d", err, len(r.People[0].Note), len(note))
	}
}

// FuzzCSV checks that no file causes a panic, and that a valid file gives a valid roster of the same people.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"email,name\nada@example.com,Ada\n", "email;groups\nada@example.com;\"a;b\"\n",
		"ada@example.com\n", "\"", "email\n\"\n", "email\ta\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := ParseCSV("people.csv", data)
		if err != nil {
			return
		}
		text := Draft{File: "people.csv", Entries: entries}.YAML()
		r, err := parse("users.yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if len(r.People) != len(entries) {
			t.Errorf("%d people of %d\n%s", len(r.People), len(entries), text)
		}
	})
}

// TestSuggestedConversion checks that the suggested command writes to a new file: the shell empties an existing file
// before import reads it.
func TestSuggestedConversion(t *testing.T) {
	// Not parallel: it changes the working directory.
	folder := t.TempDir()
	t.Chdir(folder)
	tests := []struct{ existing, file, want string }{
		{"", "people.csv", "'orgsync import --csv people.csv > users.yaml' makes"},
		{"", "users.yaml", "'orgsync import --csv users.yaml > roster.yaml' makes"},
		{"", "./users.yaml", "'orgsync import --csv ./users.yaml > roster.yaml' makes"},
		{"users.yaml", "users.yaml", "'orgsync import --csv users.yaml > roster.yaml' makes"},
		{"users.yaml", "people.csv", "'orgsync import --csv people.csv > roster.yaml' makes"},
		{"roster.yaml", "people.csv", "'orgsync import --csv people.csv > roster-2.yaml' makes"},
		{"roster-2.yaml", "people.csv", "'orgsync import --csv people.csv > roster-3.yaml' makes"},
		{"", "a b;touch x.yaml", ": orgsync import --csv 'a b;touch x.yaml' > roster-3.yaml makes"},
	}
	for _, tt := range tests { // in this order: the files stay
		if tt.existing != "" {
			if err := os.WriteFile(tt.existing, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := parse(tt.file, []byte("ada@example.com\nbob@example.com\n"))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("with %q: %v, want %q", tt.existing, err, tt.want)
		}
	}
}

// For another format, the problem names the command that helps. YAML never has this problem.
func TestForeignFiles(t *testing.T) {
	t.Parallel()
	const isCSV, isTOML, isList = "this is a CSV file", "this is a TOML file", "this is a plain list of addresses"
	tests := []struct{ name, file, text, want string }{
		{"CSV", "users.yaml", "email,name\nada@example.com,Ada\n", isCSV},
		{"CSV with semicolons", "users.yaml", "Name;E-Mail\nAda;ada@example.com\n", isCSV},
		{"CSV by its name", "people.CSV", "who;where\nAda;x\n", isCSV},
		{"CSV with quotes", "users.yaml", "\"email\",\"name\"\n\"ada@example.com\",\"Ada\"\n", isCSV},
		{"TOML", "users.yaml", "[[users]]\nemail = \"ada@example.com\"\n", isTOML},
		{"TOML by its name", "users.toml", "a = 1\n", isTOML},
		{"a list", "users.yaml", "ada@example.com\nbob@example.com\n", isList},
		{"a list with commas", "users.txt", "# all\nada@example.com, bob@example.com;\n", isList},
		{"text", "users.yaml", "Ada Lovelace\n", "the file must be a mapping"},
		{"a number", "people.csv", "7\n", "the file must be a mapping of keys to values, not a number"},
		{"broken YAML", "users.yaml", "users:\n  - email: 'ada\n", "not closed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(tt.file, []byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if tt.want == isCSV && !strings.Contains(err.Error(), "'orgsync import --csv "+tt.file+" > ") {
				t.Errorf("%v names no command", err)
			}
		})
	}
}
