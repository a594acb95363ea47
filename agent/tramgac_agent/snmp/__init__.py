"""What is asked of devices by SNMP, in a process of its own."""
