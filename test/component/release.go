package component

import (
	"fmt"
	"os"
)

// releaseVariable is the environment variable that chooses the release of the MinIO that the
// environment starts: newest, the default, or oldest.
const releaseVariable = "MINIO"

// releases are the pinned programs by what releaseVariable may be.
var releases = map[string]string{"": "minio", "newest": "minio", "oldest": "minio-oldest"}

// Release returns the name of the pinned program that is the MinIO of the environment.
func Release() (string, error) {
	name, ok := releases[os.Getenv(releaseVariable)]
	if !ok {
		return "", fmt.Errorf("cannot use %s=%q: it is neither newest nor oldest", releaseVariable, os.Getenv(releaseVariable))
	}

	return name, nil
}
