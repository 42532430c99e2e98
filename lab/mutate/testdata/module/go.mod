// A module for the tests of mutate.
module example

go 1.26.0
