package demo

import (
	"fmt"
	"regexp"
	"strings"
)

// transcriptHead begins a transcript.
const transcriptHead = "The output of `make demo`, written by `make docs-demo`, which replaces names, keys and times.\n"

// changing are the parts of the demo's output that differ between runs. Each
// pattern has one group: the part to replace. The n-th value of a group is replaced
// by the text that as returns for n, from 1 on, wherever it occurs. All have a
// fixed length, so that tables stay aligned.
var changing = []struct {
	pattern *regexp.Regexp
	as      func(n int) string
}{
	{
		regexp.MustCompile(`\b(tenant-[a-z0-9]{5})\b`),
		func(n int) string { return fmt.Sprintf("tenant-%05d", n) },
	},
	{
		regexp.MustCompile(`\b([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b`),
		func(n int) string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", n) },
	},
	{
		regexp.MustCompile(`\b(CSTN[A-Z2-7]{16})\b`),
		func(n int) string { return fmt.Sprintf("CSTNACCESSKEY%07d", n) },
	},
	{
		regexp.MustCompile(`"accessSecretKey": "([^"]{40})"`),
		func(n int) string { return fmt.Sprintf("secret-access-key-of-40-characters-%05d", n) },
	},
	{
		regexp.MustCompile(`\b(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z)`),
		func(int) string { return "2026-01-01T00:00:00Z" },
	},
}

var (
	// duration is what a step took, at the end of its line.
	duration = regexp.MustCompile(`(?m)^(   ✓ .*?) +\d+\.\d\d s$`)
	// age is the last column of a row that kubectl prints, such as 12s or 2m5s.
	age = regexp.MustCompile(`(?m)^(     .* )(?:\d+m)?\d+s$`)
)

// Transcript returns the output of a demo without the parts that differ between
// runs, so that two demos of the same code give the same text.
func Transcript(output string) string {
	output = duration.ReplaceAllString(output, "$1")
	output = age.ReplaceAllString(output, "${1}1s")

	for _, c := range changing {
		seen := map[string]bool{}

		for _, m := range c.pattern.FindAllStringSubmatch(output, -1) {
			if value := m[1]; !seen[value] {
				seen[value] = true
				output = strings.ReplaceAll(output, value, c.as(len(seen)))
			}
		}
	}

	return transcriptHead + output
}
