"""A small PBX for one machine: digest registrar, test extensions, desk phones and bridged calls."""
