package minio

import (
	"errors"
	"strconv"
	"testing"
	"time"
)

func TestSnapshot(t *testing.T) {
	const age = time.Minute

	now := time.Now()
	taken := 0
	s := snapshot{age: age}

	// A snapshot of a hundred buckets.
	take := func() (map[string]BucketFiles, error) {
		taken++

		buckets := make(map[string]BucketFiles)
		for i := range 100 {
			buckets[strconv.Itoa(i)] = nil
		}

		return buckets, nil
	}

	steps := []struct {
		reason   string
		after    time.Duration
		requests int
		// answered is how many requests a snapshot answers, taken how many snapshots are taken.
		answered   int
		taken      int
		broken     bool
		invalidate bool
	}{
		{reason: "Few requests are not worth a snapshot.", requests: minRequests},
		{reason: "One more is, on a server with an unknown number of buckets.", requests: 10, answered: 10, taken: 1},
		{reason: "The snapshot is used until it is too old.", after: age / 2, requests: 10, answered: 10},
		{reason: "After an age with enough requests the next one takes a snapshot.", after: age, requests: 10, answered: 10, taken: 1},
		{reason: "An invalidated snapshot is replaced.", invalidate: true, requests: 10, answered: 10, taken: 1},
		{reason: "An age with one request is the last with a snapshot.", after: age, requests: 1, answered: 1, taken: 1},
		{reason: "Few requests are not worth another one.", after: 2 * age, requests: 3},
		{reason: "Nor are they in the next age.", after: 2 * age, requests: 3},
		{reason: "Requests for more than an eighth of the buckets are.", after: 2 * age, requests: 20, answered: 8, taken: 1},
		{reason: "A failed snapshot is not tried again for each request.", after: age, requests: 20, broken: true},
	}

	for _, step := range steps {
		now = now.Add(step.after)
		before, answered := taken, 0

		if step.invalidate {
			s.invalidate()
		}

		for range step.requests {
			if buckets := s.get(now, func() (map[string]BucketFiles, error) {
				if step.broken {
					return nil, errors.New("broken")
				}

				return take()
			}); buckets != nil {
				answered++
			}
		}

		if answered != step.answered || taken-before != step.taken {
			t.Errorf("%s\nwant %d of %d requests answered and %d snapshots taken, got %d and %d",
				step.reason, step.answered, step.requests, step.taken, answered, taken-before)
		}
	}
}

func TestNoSnapshots(t *testing.T) {
	s := snapshot{}

	for range 1000 {
		if s.get(time.Now(), nil) != nil {
			t.Fatal("want no snapshot without an age")
		}
	}
}
