"""What households read, in four languages: sentences, dates and money. Controller and kiosk use it alike."""
