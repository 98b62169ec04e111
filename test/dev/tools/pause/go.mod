module github.com/cistern-dev/cistern/test/dev/tools/pause

go 1.26.0
