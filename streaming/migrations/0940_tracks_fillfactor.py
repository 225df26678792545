"""
Leave room in the pages of tracks for the next version of a row.

Likes, shares and comments update a counter of a track, which no index holds. With room in the same
page PostgreSQL makes that a HOT update, which writes no index. 95 would be too little: a row of 600
bytes does not fit into 5 % of a page.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("streaming", "0931_recorded_at_index"),
    ]

    operations = [
        migrations.RunSQL("ALTER TABLE tracks SET (fillfactor = 90);"),
    ]
