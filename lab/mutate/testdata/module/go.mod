// A module for the tests of mutate, named as what is built fast.
module keyturn

go 1.26.0
