//go:build e2e

package clients

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The cells of the matrix.
const (
	cellOK     = "ok"
	cellFailed = "FAILED"
	cellNone   = "–" // the client has no such operation
	cellSkip   = "skipped"
	cellMute   = "refused" // the client keeps the server's words to itself
)

// The clients with cases of their own.
const (
	clientConsole = "Console"
	clientVelero  = "Velero"
)

var others = []string{clientConsole, clientVelero}

// matrix collects the results of clients and tests. parts are the cases of others, in their
// order.
type matrix struct {
	mu       sync.Mutex
	versions map[string]string
	cells    map[string]map[string]string
	parts    map[string][]string
	missing  map[string]error
}

var results = &matrix{
	versions: map[string]string{}, cells: map[string]map[string]string{}, parts: map[string][]string{}, missing: map[string]error{},
}

func (m *matrix) began(client, version string) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.versions[client], m.cells[client] = version, map[string]string{}
}

func (m *matrix) skipped(client string, why error) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.missing[client] = why
}

// part runs a case of a client with cases of its own, and records how it ended.
func part(t *testing.T, client, name string, run func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		defer func() {
			results.mu.Lock()
			defer results.mu.Unlock()

			results.parts[client] = append(results.parts[client], name)
			results.cells[client][name] = cellOK

			if t.Failed() {
				results.cells[client][name] = cellFailed
			}
		}()

		run(t)
	})
}

// record records how a test ended.
func (m *matrix) record(t *testing.T, c *client, tc test) {
	t.Helper()

	m.mu.Lock()
	defer m.mu.Unlock()

	cell := cellOK

	switch {
	case t.Failed():
		cell = cellFailed
	case t.Skipped() && issued[tc.secret] == nil:
		cell = cellSkip
	case t.Skipped():
		cell = cellNone
	case tc.secret == full && c.mute != "":
		cell = cellMute
	}

	m.cells[c.name][tc.name] = cell
}

// lacks records that a client has no operation that a test needs.
func (m *matrix) lacks(c *client, tc test) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.cells[c.name][tc.name] = cellNone
}

// cell returns the result of one client in one test.
func (m *matrix) cell(c *client, tc test) string {
	if cell := m.cells[c.name][tc.name]; cell != "" {
		return cell
	}

	return cellSkip
}

// complete reports whether every client ran every test.
func (m *matrix) complete() bool {
	for _, c := range clients {
		for _, tc := range tests {
			if cell := m.cell(c, tc); cell == cellSkip || cell == cellFailed {
				return false
			}
		}
	}

	for _, client := range others {
		for _, name := range m.parts[client] {
			if m.cells[client][name] != cellOK {
				return false
			}
		}

		if len(m.parts[client]) == 0 {
			return false
		}
	}

	return true
}

// text returns the matrix for the terminal, and the clients that did not run.
func (m *matrix) text() string {
	var b strings.Builder

	fmt.Fprintf(&b, "\n%-34s", "")

	for _, c := range clients {
		fmt.Fprintf(&b, " %-10.10s", strings.TrimPrefix(c.name, "AWS "))
	}

	for _, tc := range tests {
		fmt.Fprintf(&b, "\n%-34s", tc.name)

		for _, c := range clients {
			fmt.Fprintf(&b, " %-10s", m.cell(c, tc))
		}
	}

	b.WriteString("\n\n")

	for _, client := range others {
		for _, name := range m.parts[client] {
			fmt.Fprintf(&b, "%-10s %-60s %s\n", client, name, m.cells[client][name])
		}
	}

	fmt.Fprintf(&b, "%d of %d clients ran.\n", len(m.versions), len(clients)+len(others))

	for _, client := range slices.Sorted(maps.Keys(m.missing)) {
		fmt.Fprintf(&b, "Skipped: %s: %v.\n", client, m.missing[client])
	}

	return b.String()
}

// cases returns the table of the clients with cases of their own.
func (m *matrix) cases() string {
	var b strings.Builder

	b.WriteString("| Client | Case | |\n|---|---|---|\n")

	for _, client := range others {
		for _, name := range m.parts[client] {
			fmt.Fprintf(&b, "| %s %s | %s | %s |\n", client, m.versions[client], name, m.cells[client][name])
		}
	}

	return b.String()
}

// tables returns the two tables of docs/clients.md.
func (m *matrix) tables() (needs, matrix string) {
	var n, b strings.Builder

	n.WriteString("| Client | Variables | Flags | In code |\n|---|---|---|---|\n")

	for _, c := range clients {
		code := func(s string) string {
			if s == "" {
				return ""
			}

			return "`" + s + "`"
		}
		fmt.Fprintf(&n, "| %s | %s | %s | %s |\n", c.name, code(strings.Join(c.env, " ")), code(c.flags), code(c.more))
	}

	b.WriteString("| |")

	for _, c := range clients {
		fmt.Fprintf(&b, " %s %s |", c.name, m.versions[c.name])
	}

	b.WriteString("\n|---|" + strings.Repeat("---|", len(clients)))

	for _, tc := range tests {
		fmt.Fprintf(&b, "\n| %s |", tc.name)

		for _, c := range clients {
			fmt.Fprintf(&b, " %s |", m.cell(c, tc))
		}
	}

	return n.String(), b.String() + "\n"
}

// versionNumber matches versions, which differ between machines.
var versionNumber = regexp.MustCompile(`\d+(\.\d+)+`)

// document writes the tables to docs/clients.md, or compares them with it. It does
// neither unless every client ran every test.
func document(passed bool) error {
	if !passed || !results.complete() {
		if *update {
			return errors.New("docs/clients.md is not written: not every client passed every test")
		}

		return nil
	}

	file := filepath.Join(scripts, "..", "..", "..", "docs", "clients.md")

	old, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("cannot read the documentation: %w", err)
	}

	needs, matrix := results.tables()
	page := replace(replace(replace(string(old), "needs", needs), "matrix", matrix), "cases", results.cases())

	if *update {
		return os.WriteFile(file, []byte(page), 0o644)
	}

	if versionNumber.ReplaceAllString(page, "") != versionNumber.ReplaceAllString(string(old), "") {
		return errors.New("docs/clients.md is not what the tests found: run them with -update")
	}

	return nil
}

// replace replaces what stands between two comments of a page.
func replace(page, name, table string) string {
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"

	before, rest, ok := strings.Cut(page, begin)
	_, after, ok2 := strings.Cut(rest, end)

	if !ok || !ok2 {
		return page
	}

	return before + begin + "\n" + table + "\n" + end + after
}
