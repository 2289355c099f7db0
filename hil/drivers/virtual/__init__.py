"""A bench in this process: an emulated meter in virtual time, behind the interfaces of a real one."""
