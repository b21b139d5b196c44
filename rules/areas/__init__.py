"""The area stage: rules over several sites, fed by what the site stage tells of each site, and by alerts."""
