package minio

import (
	"errors"
	"strconv"
	"testing"
	"time"
)

func TestLook(t *testing.T) {
	const age = time.Minute

	now := time.Now()
	taken := 0
	l := look{age: age}

	// Ten buckets; what is told of them is which look it was.
	take := func() (map[string]BucketFiles, error) {
		taken++

		told := make(map[string]BucketFiles)
		for i := range 100 {
			told[strconv.Itoa(i)] = nil
		}

		return told, nil
	}

	steps := []struct {
		reason string
		after  time.Duration
		ask    int
		// answered is how many of them need not ask by themselves.
		answered int
		looks    int
		broken   bool
		forget   bool
	}{
		{reason: "Few ask by themselves.", ask: minAskers},
		{reason: "One more is enough, of a server of which nothing is known.", ask: 10, answered: 10, looks: 1},
		{reason: "The look is good until it is too old.", after: age / 2, ask: 10, answered: 10},
		{reason: "As enough asked, there is another one at once.", after: age, ask: 10, answered: 10, looks: 1},
		{reason: "Something has changed.", forget: true, ask: 10, answered: 10, looks: 1},
		{reason: "Fewer than an eighth of the buckets were asked about in the last age: only the next ask by themselves.", after: age, ask: 1, answered: 1, looks: 1},
		{reason: "They do.", after: 2 * age, ask: 3},
		{reason: "And on.", after: 2 * age, ask: 3},
		{reason: "Many ask again: those beyond the eighth are answered.", after: 2 * age, ask: 20, answered: 8, looks: 1},
		{reason: "A server that cannot answer is not asked by each.", after: age, ask: 20, broken: true},
	}

	for _, step := range steps {
		now = now.Add(step.after)
		before, answered := taken, 0

		if step.forget {
			l.forget()
		}

		for range step.ask {
			if told := l.at(now, func() (map[string]BucketFiles, error) {
				if step.broken {
					return nil, errors.New("broken")
				}

				return take()
			}); told != nil {
				answered++
			}
		}

		if answered != step.answered || taken-before != step.looks {
			t.Errorf("%s\nwant %d of %d answered by %d looks, got %d by %d", step.reason, step.answered, step.ask, step.looks, answered, taken-before)
		}
	}
}

func TestNoLooks(t *testing.T) {
	l := look{}

	for range 1000 {
		if l.at(time.Now(), nil) != nil {
			t.Fatal("want none unless asked for")
		}
	}
}
