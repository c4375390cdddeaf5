"""The replay side: turns the log into rows. Only here is it known what a harness's payloads mean."""
