package bench

import (
	"maps"
	"regexp"
	"strconv"
	"strings"
)

// sample is one value in the text format of metrics.
type sample struct {
	name   string
	labels map[string]string
	value  float64
}

type samples []sample

// label matches one label of a sample. Its value may contain escaped quotes.
var label = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)

// parse returns the samples with the given names.
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

		// Values of the labels that are read here do not contain a brace and a space.
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

// where returns the samples with a name whose labels match.
func (s samples) where(name string, match func(labels map[string]string) bool) samples {
	var some samples

	for _, x := range s {
		if x.name == name && match(x.labels) {
			some = append(some, x)
		}
	}

	return some
}

func all(map[string]string) bool { return true }

// by returns the sum of the samples for each value of a label.
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

// counts are numbers of events by name.
type counts map[string]float64

// since returns the difference to earlier counts, without zeros.
func (c counts) since(earlier counts) counts {
	d := counts{}

	for name, n := range c {
		if n != earlier[name] {
			d[name] = n - earlier[name]
		}
	}

	return d
}

// sum returns the sum of all counts.
func (c counts) sum() float64 {
	sum := 0.0
	for n := range maps.Values(c) {
		sum += n
	}

	return sum
}
