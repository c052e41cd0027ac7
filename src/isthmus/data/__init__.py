"""From a table in any form to scaled rows on the device, and back."""
