package bucket

import (
	"context"
	"slices"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// none is the meaning of a setting that a bucket does not have.
const none = ""

// A setting is one of spec.forProvider that can change. What it means is
// rendered to a text, in the same words for what is wanted and for what the
// server has, so that two that mean the same are equal however they are written.
type setting struct {
	// field of spec.forProvider.
	field string
	// file in which the server keeps it.
	file string
	// want returns what is wanted; false if the field is not set.
	want func(p *miniov1alpha1.BucketParameters) (meaning string, set bool)
	// have returns what a file means. A file that is not there is empty.
	have func(file []byte) (meaning string, err error)
	// write writes what is wanted.
	write func(ctx context.Context, c clients, bucket string, p *miniov1alpha1.BucketParameters) error
	// undo takes the setting off the bucket.
	undo func(ctx context.Context, c clients, bucket string) error
	// undone says whether there is nothing to undo in what the server has. The
	// default is that it has none.
	undone func(meaning string, has settings) bool
}

// clients are what settings are written with.
type clients struct {
	s3    settingsS3
	admin admin
}

// settingsS3 is what the settings need of an S3 client.
type settingsS3 interface {
	versioningS3
	retentionS3
	lifecycleS3
	tagsS3
	encryptionS3
	anonymousS3
	quotaS3
}

// allSettings, in the order in which they are written: retention and expiry of
// versions need versioning.
func allSettings() []setting {
	return []setting{versioning, retention, quota, lifecycleRules, bucketTags, encryption, anonymousAccess}
}

// wanted returns the fields that are set, sorted.
func wanted(p *miniov1alpha1.BucketParameters) []string {
	var fields []string

	for _, s := range allSettings() {
		if _, set := s.want(p); set {
			fields = append(fields, s.field)
		}
	}

	slices.Sort(fields)

	return fields
}

// asBefore returns fields, with field among them only if it was before.
func asBefore(fields, before []string, field string) []string {
	fields = slices.DeleteFunc(fields, func(f string) bool { return f == field })
	if slices.Contains(before, field) {
		fields = append(fields, field)
	}

	slices.Sort(fields)

	return fields
}

// differences returns the settings in which a bucket is not as it should be: those
// that are set and mean something else on the server, and those that the resource
// has set once, no longer does, and that are still there. Any other is left alone.
func differences(b *miniov1alpha1.Bucket, has settings) ([]setting, error) {
	var amiss []setting

	for _, s := range allSettings() {
		want, set := s.want(&b.Spec.ForProvider)
		managed := slices.Contains(b.Status.AtProvider.ManagedSettings, s.field)

		// What is not the resource's need not be understood.
		if !set && !managed {
			continue
		}

		have, err := s.have(has[s.file])
		if err != nil {
			return nil, errors.Wrapf(err, "cannot understand %s of bucket %q as the server has it", s.field, Name(b))
		}

		switch {
		case set && want != have:
			amiss = append(amiss, s)
		case !set && !s.isUndone(have, has):
			amiss = append(amiss, s)
		}
	}

	return amiss, nil
}

func (s setting) isUndone(have string, has settings) bool {
	if s.undone != nil {
		return s.undone(have, has)
	}

	return have == none
}

// apply writes the setting, or undoes it.
func (s setting) apply(ctx context.Context, c clients, b *miniov1alpha1.Bucket) error {
	name := Name(b)
	if _, set := s.want(&b.Spec.ForProvider); !set {
		return errors.Wrapf(s.undo(ctx, c, name), "cannot undo %s of bucket %q", s.field, name)
	}

	return errors.Wrapf(s.write(ctx, c, name, &b.Spec.ForProvider), "cannot set %s of bucket %q", s.field, name)
}
