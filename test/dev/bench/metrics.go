package bench

import (
	"maps"
	"regexp"
	"strconv"
	"strings"
)

// sample is one value in the text that programs tell their metrics in.
type sample struct {
	name   string
	labels map[string]string
	value  float64
}

type samples []sample

// label matches one label of a sample. Its value may hold escaped quotes.
var label = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)

// parse returns the samples of some names, and leaves all others out.
func parse(text string, names ...string) samples {
	wanted := make(map[string]bool, len(names))
	for _, n := range names {
		wanted[n] = true
	}

	var s samples

	for line := range strings.Lines(text) {
		end := strings.IndexAny(line, "{ ")
		if end < 0 || !wanted[line[:end]] {
			continue
		}

		// No value of a label that is wanted here holds a blank and a brace.
		at := max(strings.LastIndex(line, "} ")+1, end)

		value, err := strconv.ParseFloat(strings.Fields(line[at:])[0], 64)
		if err != nil {
			continue
		}

		x := sample{name: line[:end], labels: make(map[string]string), value: value}
		for _, m := range label.FindAllStringSubmatch(line[end:at], -1) {
			x.labels[m[1]] = m[2]
		}

		s = append(s, x)
	}

	return s
}

// where returns the samples of a name with such values of labels.
func (s samples) where(name string, is func(labels map[string]string) bool) samples {
	var some samples

	for _, x := range s {
		if x.name == name && is(x.labels) {
			some = append(some, x)
		}
	}

	return some
}

func all(map[string]string) bool { return true }

// by returns the sum of samples for each value of a label.
func (s samples) by(label string) counts {
	c := counts{}
	for _, x := range s {
		c[x.labels[label]] += x.value
	}

	return c
}

func (s samples) sum() float64 {
	sum := 0.0
	for _, x := range s {
		sum += x.value
	}

	return sum
}

// counts are how often what happened.
type counts map[string]float64

// since returns what was counted since earlier counts.
func (c counts) since(earlier counts) counts {
	d := counts{}

	for name, n := range c {
		if n != earlier[name] {
			d[name] = n - earlier[name]
		}
	}

	return d
}

// sum returns all of them together.
func (c counts) sum() float64 {
	sum := 0.0
	for n := range maps.Values(c) {
		sum += n
	}

	return sum
}
